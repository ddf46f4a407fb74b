-- Puts a POST, below the PATCHes and DELETEs of its order that were shown. KEYS: the two of an order. ARGV: the order with
-- its version, the version, TTL waiting, the greatest version that can be, '1' if the POST was a dead letter and waits
-- again. Returns 1 if it was put.
if redis.call('EXISTS', KEYS[2]) == 0 and redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[3], 'NX') then return 1 end
local text, version, latest = ARGV[1], ARGV[2], tonumber(ARGV[4])
local copy = open(KEYS[1], KEYS[2], latest)
if copy.deleted or copy.text or number(copy.applied, latest) >= tonumber(version) then return 0 end
if has(copy.dead, version) then
  if ARGV[5] ~= '1' then return 0 end
  copy.dead = without(copy.dead, version)
end
copy.text, copy.created, copy.first = text, version, string.sub(text, status_in(text))
look(copy, latest)
save(copy, latest, ARGV[3])
return 1
