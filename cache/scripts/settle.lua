-- Settles copies once MySQL has their writes. KEYS: the pending copies. ARGV: TTL, the greatest version that can be,
-- and for each copy its order id, the version in MySQL or 'deleted', '1' if the job had a version, and the end of a
-- copy that nothing has changed since the POST of that version put it. Most copies end so, and need neither be decoded
-- nor written again. A copy that cannot be read does not keep the others from being settled.
local ttl, latest = ARGV[1], tonumber(ARGV[2])
local function settle(key, id, state, versioned, tail)
  if state == 'deleted' then
    redis.call('SET', key, cjson.encode({ order_id = id, deleted = true }), 'EX', ttl)
    return
  end
  if versioned then
    local raw = redis.call('GET', key)
    if raw and string.sub(raw, -string.len(tail)) == tail then
      redis.call('EXPIRE', key, ttl)
      return
    end
  end
  local copy = open(key, id)
  if copy.deleted then return end
  local applied = math.max(tonumber(state), number(copy.applied, latest))
  copy.applied = string.format('%.0f', applied)
  while copy.patches ~= '' and number(string.match(copy.patches, '^[^:]*'), latest) < applied do
    copy.patches = without_oldest(copy.patches)
  end
  local seen = number(copy.version, latest)
  if copy.deleting or seen > applied then return save(key, copy, 'KEEPTTL') end
  if seen < applied or not versioned then copy = bare(copy) end
  save(key, copy, 'EX', ttl)
end
local problem
for i, key in ipairs(KEYS) do
  local ok, failure = pcall(settle, key, ARGV[4 * i - 1], ARGV[4 * i], ARGV[4 * i + 1] == '1', ARGV[4 * i + 2])
  if not ok then problem = failure end
end
return problem
