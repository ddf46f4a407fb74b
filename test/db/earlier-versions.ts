/**
 * The statements that earlier versions of this service made their tables with, in their order. MySQL commits each by
 * itself, so a database may be left after any of them.
 */
export const earlierStatements = [
  'CREATE TABLE `deleted_orders` ( `id` char(36) character set ascii collate ascii_bin NOT NULL, `deleted_at` datetime(3) NOT NULL, CONSTRAINT `deleted_orders_id` PRIMARY KEY(`id`) )',
  'CREATE TABLE `last_reset` ( `id` tinyint NOT NULL, `at` datetime(3) NOT NULL, CONSTRAINT `last_reset_id` PRIMARY KEY(`id`) )',
  'CREATE TABLE `order_items` ( `id` bigint unsigned AUTO_INCREMENT NOT NULL, `order_id` char(36) character set ascii collate ascii_bin NOT NULL, `item_name` varchar(80) character set utf8mb4 collate utf8mb4_unicode_520_ci NOT NULL, `quantity` int NOT NULL, CONSTRAINT `order_items_id` PRIMARY KEY(`id`) )',
  'CREATE TABLE `orders` ( `id` char(36) character set ascii collate ascii_bin NOT NULL, `customer_name` varchar(80) character set utf8mb4 collate utf8mb4_unicode_520_ci NOT NULL, `status` varchar(20) character set utf8mb4 collate utf8mb4_unicode_520_ci NOT NULL, `accepted_at` datetime(3) NOT NULL, CONSTRAINT `orders_id` PRIMARY KEY(`id`) )',
  'ALTER TABLE `order_items` ADD CONSTRAINT `order_items_order_id_orders_id_fk` FOREIGN KEY (`order_id`) REFERENCES `orders`(`id`) ON DELETE cascade ON UPDATE no action',
  'CREATE INDEX `order_items_order` ON `order_items` (`order_id`)',
  'CREATE INDEX `orders_newest` ON `orders` (`accepted_at`,`id`)',
  "INSERT INTO `last_reset` (`id`, `at`) VALUES (1, '1970-01-01 00:00:00.000')",
  'CREATE TABLE `begun_jobs` ( `job_id` varchar(64) character set utf8mb4 collate utf8mb4_unicode_520_ci NOT NULL, `times` int NOT NULL, CONSTRAINT `begun_jobs_job_id` PRIMARY KEY(`job_id`) )',
  'ALTER TABLE `orders` ADD `version` bigint unsigned DEFAULT 0 NOT NULL',
  'CREATE TABLE `order_counts` ( `slot` int NOT NULL, `orders` bigint NOT NULL, CONSTRAINT `order_counts_slot` PRIMARY KEY(`slot`) )',
  'ALTER TABLE `begun_jobs` MODIFY COLUMN `job_id` varchar(64) character set utf8mb4 collate utf8mb4_bin NOT NULL',
  'ALTER TABLE `deleted_orders` ADD `accepted_at` datetime(3)',
  'CREATE INDEX `orders_status` ON `orders` (`status`,`accepted_at`,`id`)',
  'CREATE INDEX `orders_customer` ON `orders` (`customer_name`,`accepted_at`,`id`)',
  'INSERT INTO `order_counts` (`slot`, `orders`) SELECT 0, COUNT(*) FROM `orders`',
  'ALTER TABLE `order_items` ADD INDEX `order_items_id` (`id`), DROP PRIMARY KEY, ADD PRIMARY KEY(`order_id`,`id`), DROP INDEX `order_items_order`',
  'ALTER TABLE `last_reset` ADD `complete` boolean DEFAULT true NOT NULL',
];
