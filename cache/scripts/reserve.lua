-- Reserves a version for a write. KEYS: the pending copy. ARGV: order id, TTL of a reservation, the least version, the
-- greatest that can be. Returns the version.
local raw = redis.call('GET', KEYS[1])
local pending = raw and cjson.decode(raw) or { order_id = ARGV[1] }
local time = redis.call('TIME')
local latest = tonumber(ARGV[4])
local version = math.max(version_of({ now = time[1] * 1000000 + time[2] }, 'now', latest), tonumber(ARGV[3]))
for _, field in ipairs({ 'version', 'reserved', 'applied' }) do
  version = math.max(version, version_of(pending, field, latest) + 1)
end
pending.reserved = string.format('%.0f', version)
if raw then redis.call('SET', KEYS[1], cjson.encode(pending), 'KEEPTTL')
else redis.call('SET', KEYS[1], cjson.encode(pending), 'EX', ARGV[2]) end
return pending.reserved
