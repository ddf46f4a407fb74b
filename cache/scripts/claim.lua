-- Claims a record for a try. KEYS: the record. ARGV: fingerprint, lease in seconds, TTL, token. Returns the text from
-- which a Claim is made. A lease that ends later than one given out now is from a time when Redis's clock was wrong, so
-- it does not count.
local raw = redis.call('GET', KEYS[1])
local time = redis.call('TIME')
local now = tonumber(time[1])
local version
if raw then
  local record = cjson.decode(raw)
  if record.fingerprint ~= ARGV[1] then return 'other request' end
  if record.answer then return 'answered' .. record.answer end
  if record.lease > now and record.lease <= now + ARGV[2] then return 'in flight' end
  version = record.version
end
local claimed = {
  fingerprint = ARGV[1],
  token = ARGV[4],
  lease = now + ARGV[2],
  claimed = string.format('%.0f', time[1] * 1000000 + time[2]),
  version = version,
}
redis.call('SET', KEYS[1], cjson.encode(claimed), 'EX', ARGV[3])
return 'new' .. (version or '')
