CREATE TABLE `deleted_orders` (
	`id` char(36) character set ascii collate ascii_bin NOT NULL,
	`deleted_at` datetime(3) NOT NULL,
	CONSTRAINT `deleted_orders_id` PRIMARY KEY(`id`)
);
--> statement-breakpoint
CREATE TABLE `last_reset` (
	`id` tinyint NOT NULL,
	`at` datetime(3) NOT NULL,
	CONSTRAINT `last_reset_id` PRIMARY KEY(`id`)
);
--> statement-breakpoint
CREATE TABLE `order_items` (
	`id` bigint unsigned AUTO_INCREMENT NOT NULL,
	`order_id` char(36) character set ascii collate ascii_bin NOT NULL,
	`item_name` varchar(80) character set utf8mb4 collate utf8mb4_unicode_520_ci NOT NULL,
	`quantity` int NOT NULL,
	CONSTRAINT `order_items_id` PRIMARY KEY(`id`)
);
--> statement-breakpoint
CREATE TABLE `orders` (
	`id` char(36) character set ascii collate ascii_bin NOT NULL,
	`customer_name` varchar(80) character set utf8mb4 collate utf8mb4_unicode_520_ci NOT NULL,
	`status` varchar(20) character set utf8mb4 collate utf8mb4_unicode_520_ci NOT NULL,
	`accepted_at` datetime(3) NOT NULL,
	CONSTRAINT `orders_id` PRIMARY KEY(`id`)
);
--> statement-breakpoint
ALTER TABLE `order_items` ADD CONSTRAINT `order_items_order_id_orders_id_fk` FOREIGN KEY (`order_id`) REFERENCES `orders`(`id`) ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX `order_items_order` ON `order_items` (`order_id`);--> statement-breakpoint
CREATE INDEX `orders_newest` ON `orders` (`accepted_at`,`id`);