-- Settles orders once MySQL has their writes. KEYS: the two of each order. ARGV: TTL, the greatest version that can be,
-- and for each order the version in MySQL or 'deleted', '1' if the job had a version, and the end of an order whose
-- newest write has that version. Most orders end so, and need neither be taken apart nor written again. An order whose
-- keys cannot be read does not keep the others from being settled.
local ttl, latest = ARGV[1], tonumber(ARGV[2])
local function settle(order_key, notes_key, state, versioned, tail)
  if state == 'deleted' then
    redis.call('SET', notes_key, DELETED, 'EX', ttl)
    redis.call('UNLINK', order_key)
    return
  end
  local found = redis.call('MGET', order_key, notes_key)
  if versioned and found[1] and string.sub(found[1], -#tail) == tail then
    redis.call('EXPIRE', order_key, ttl)
    if found[2] then redis.call('EXPIRE', notes_key, ttl) end
    return
  end
  local copy = open(order_key, notes_key, latest, found)
  if copy.deleted then return end
  copy.applied = newest_of(copy.applied, state, latest)
  local applied = number(copy.applied, latest)
  copy.patches = up_to(copy.patches, function(version) return number(version, latest) >= applied end)
  local seen = number(copy.version, latest)
  if copy.deleting or seen > applied then return save(copy, latest) end
  -- If the Flask service wrote last, that write may still wait.
  local is_seen = copy.version and (versioned or copy.foreign)
  if seen < applied or not is_seen then hide(copy) end
  save(copy, latest, ttl)
end
local problem
for i = 1, #KEYS / 2 do
  local at = 3 * i
  local ok, failure = pcall(settle, KEYS[2 * i - 1], KEYS[2 * i], ARGV[at], ARGV[at + 1] == '1', ARGV[at + 2])
  if not ok then problem = failure end
end
return problem
