-- For how many milliseconds guards have been complete. KEYS: since when, in milliseconds since 1970. ARGV: '1' to begin
-- anew. If there is no time, as on a new server or after a flush, or one ahead of the clock, they are complete from now on.
local raw = redis.pcall('GET', KEYS[1])
local since = type(raw) == 'string' and tonumber(raw)
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if since and since <= now and ARGV[1] ~= '1' then return now - since end
redis.call('SET', KEYS[1], string.format('%.0f', now))
return 0
