-- Tries the commands that the scripts of the service use. KEYS: a key that exists only while the script runs. Returns
-- Redis's time in microseconds since 1970.
redis.call('SET', KEYS[1], 'probe', 'EX', 1)
redis.call('EXPIRE', KEYS[1], redis.call('GET', KEYS[1]) and 1)
redis.call('UNLINK', KEYS[1])
local time = redis.call('TIME')
return string.format('%.0f', time[1] * 1000000 + time[2])
