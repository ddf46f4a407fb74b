CREATE TABLE `begun_jobs` (
	`job_id` varchar(64) character set utf8mb4 collate utf8mb4_unicode_520_ci NOT NULL,
	`times` int NOT NULL,
	CONSTRAINT `begun_jobs_job_id` PRIMARY KEY(`job_id`)
);
--> statement-breakpoint
ALTER TABLE `orders` ADD `version` bigint unsigned DEFAULT 0 NOT NULL;