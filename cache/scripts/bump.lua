-- KEYS: the list version, which it returns. It is microseconds since 1970, so that none comes back after a FLUSHALL: in
-- milliseconds commits would outrun it. It is compared for equality only, so that a clock that was fast for a while
-- does no harm; beyond 2^53 no number would be greater by one.
local time = redis.call('TIME')
local before = redis.pcall('GET', KEYS[1])
local last = type(before) == 'string' and tonumber(before) or 0
if last >= 2 ^ 53 - 1 then last = 0 end
local version = math.max(last + 1, time[1] * 1000000 + time[2])
local digits = string.format('%.0f', version)
redis.call('SET', KEYS[1], digits)
return digits
