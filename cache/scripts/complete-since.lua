-- KEYS: the time, which it returns. ARGV: the latest that can be, '1' to begin anew. Where there is none, as on a new
-- server or after a flush, or none that can be, copies are complete from now on.
local raw = redis.pcall('GET', KEYS[1])
local since = type(raw) == 'string' and tonumber(raw)
if since and since <= tonumber(ARGV[1]) and ARGV[2] ~= '1' then return raw end
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000000 + time[2])
redis.call('SET', KEYS[1], now)
return now
