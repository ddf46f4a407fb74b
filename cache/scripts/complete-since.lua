-- The time since which copies are complete. KEYS: the time, which is returned. ARGV: the latest time that can be, '1'
-- to begin anew. If there is no time, as on a new server or after a flush, or one that cannot be, it is now.
local raw = redis.pcall('GET', KEYS[1])
local since = type(raw) == 'string' and tonumber(raw)
if since and since <= tonumber(ARGV[1]) and ARGV[2] ~= '1' then return raw end
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000000 + time[2])
redis.call('SET', KEYS[1], now)
return now
