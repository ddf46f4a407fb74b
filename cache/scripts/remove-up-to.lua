-- KEYS: the two of an order. ARGV: a version, the greatest that can be. Removes both unless they tell of a newer write, or
-- a newer version is reserved.
local latest = tonumber(ARGV[2])
local _, seen = pcall(newest_in, KEYS[1], latest)
local notes = redis.pcall('GET', KEYS[2])
local reserved = type(notes) == 'string' and string.match(notes, '^(%d*)|')
if math.max(tonumber(seen) or 0, number(reserved, latest)) <= tonumber(ARGV[1]) then redis.call('UNLINK', unpack(KEYS)) end
