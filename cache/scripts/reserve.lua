-- Reserves a version for a write. KEYS: the two of an order. ARGV: TTL of a reservation, the least version, the greatest
-- that can be. Returns the version.
local latest = tonumber(ARGV[3])
local notes = redis.call('GET', KEYS[2])
local reserved, applied, rest = string.match(notes or '|||||', '^(%d*)|(%d*)(.*)$')
local time = redis.call('TIME')
local version = math.max(
  number(time[1] * 1000000 + time[2], latest),
  tonumber(ARGV[2]),
  number(reserved, latest) + 1,
  number(applied, latest) + 1,
  notes and 0 or newest_in(KEYS[1], latest) + 1
)
-- Nothing is noted about a deleted order.
if reserved then
  local text = digits(version) .. '|' .. applied .. rest
  if notes then redis.call('SET', KEYS[2], text, 'KEEPTTL')
  else redis.call('SET', KEYS[2], text, 'EX', ARGV[1]) end
end
return digits(version)
