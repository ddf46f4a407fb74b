-- One statement: the foreign key needs an index that begins with `order_id` at any moment.
ALTER TABLE `order_items` ADD INDEX `order_items_id` (`id`), DROP PRIMARY KEY, ADD PRIMARY KEY(`order_id`,`id`), DROP INDEX `order_items_order`;
