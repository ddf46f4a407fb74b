-- Begins a new version of the list. KEYS: the version, which is returned. It is microseconds since 1970, so that no
-- version comes again after a FLUSHALL; with milliseconds it might, as there can be more than one commit in each.
-- Versions are compared for equality only, so a clock that was fast for a while does no harm. Beyond 2^53 adding one
-- changes nothing.
local time = redis.call('TIME')
local before = redis.pcall('GET', KEYS[1])
local last = type(before) == 'string' and tonumber(before) or 0
if last >= 2 ^ 53 - 1 then last = 0 end
local version = math.max(last + 1, time[1] * 1000000 + time[2])
local digits = string.format('%.0f', version)
redis.call('SET', KEYS[1], digits)
return digits
