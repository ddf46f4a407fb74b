INSERT INTO `last_reset` (`id`, `at`) VALUES (1, '1970-01-01 00:00:00.000');
