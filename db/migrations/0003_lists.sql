CREATE TABLE `order_counts` (
	`slot` int NOT NULL,
	`orders` bigint NOT NULL,
	CONSTRAINT `order_counts_slot` PRIMARY KEY(`slot`)
);
--> statement-breakpoint
ALTER TABLE `begun_jobs` MODIFY COLUMN `job_id` varchar(64) character set utf8mb4 collate utf8mb4_bin NOT NULL;--> statement-breakpoint
ALTER TABLE `deleted_orders` ADD `accepted_at` datetime(3);--> statement-breakpoint
CREATE INDEX `orders_status` ON `orders` (`status`,`accepted_at`,`id`);--> statement-breakpoint
CREATE INDEX `orders_customer` ON `orders` (`customer_name`,`accepted_at`,`id`);
--> statement-breakpoint
INSERT INTO `order_counts` (`slot`, `orders`) SELECT 0, COUNT(*) FROM `orders`;
