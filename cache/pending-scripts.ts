/**
 * The scripts that change pending copies. Those that are more than an order as its POST put it have been opened:
 *   created, first     the version of the POST and the status that it gave, where the POST is seen
 *   patches            the PATCHes that were shown, by version: `version:length of the status:status` of each, the
 *                      newest two dozen or so. One text, as most often another one is put behind it and nothing else
 *   deletes            versions of the DELETEs that were shown and wait
 *   dead               versions of writes that were dead letters before they were shown: they never are
 * of which `version`, `status` and `deleting`, what readers see, follow: so what is left when one of them turns out to
 * be a dead letter is known, in whatever order they do.
 */
import { script } from './redis.ts';

/** How long a version that was handed out, and that of a dead letter, is remembered, in seconds: longer than any publish. */
export const RESERVE_TTL = 120;

/**
 * A version of a copy; 0 where it is from further ahead than any clock can be, so that one such number keeps nothing
 * that comes after it from being seen.
 */
const VERSION_OF = `
local function version_of(pending, field, latest)
  local version = tonumber(pending[field]) or 0
  return version <= latest and version or 0
end
`;

/** Of a script that changes what readers see. `latest` is the latest version that can be. */
const COPY = `
${VERSION_OF}
local MOST = 50
local MOST_PATCHES_BYTES = 704
local function number(digits, latest)
  local version = tonumber(digits) or 0
  return version <= latest and version or 0
end

local function packed(version, status) return version .. ':' .. #status .. ':' .. status end
local function pack(list)
  local texts = {}
  for i, patch in ipairs(list) do texts[i] = packed(patch[1], patch[2]) end
  return table.concat(texts)
end
local function unpack_patches(text)
  local list, at = {}, 1
  while at <= #text do
    local _, last, version, length = string.find(text, '^([^:]*):(%d+):', at)
    at = last + 1 + length
    table.insert(list, { version, string.sub(text, last + 1, at - 1) })
  end
  return list
end
local function without_oldest(text)
  local _, last, length = string.find(text, '^[^:]*:(%d+):')
  return string.sub(text, last + 1 + length)
end

-- Also what another service put, or an earlier version of this one.
local function open(key, id)
  local raw = redis.call('GET', key)
  local copy = raw and cjson.decode(raw) or { order_id = id }
  if copy.deleted or copy.patches then return copy end
  copy.patches, copy.deletes = '', {}
  if copy.items then copy.created, copy.first = copy.version or '0', copy.status end
  if copy.deleting then copy.created, copy.first, copy.deletes = '0', nil, { copy.version }
  elseif copy.status and not copy.items then copy.patches = packed(copy.version or '0', copy.status) end
  return copy
end

local function has(list, version)
  for i, digits in ipairs(list or {}) do if tonumber(digits) == tonumber(version) then return i end end
end
local function has_patch(list, version)
  for i, patch in ipairs(list) do if tonumber(patch[1]) == tonumber(version) then return i end end
end
local function add(list, version)
  if not has(list, version) then table.insert(list, version) end
  if #list > MOST then table.remove(list, 1) end
end
local function add_patch(copy, version, status, latest)
  -- Most often it is newer than all that is seen.
  if #copy.deletes == 0 and tonumber(version) > number(copy.version, latest) then
    copy.patches = copy.patches .. packed(version, status)
  else
    local list = unpack_patches(copy.patches)
    if has_patch(list, version) then return end
    local at = #list + 1
    while at > 1 and number(list[at - 1][1], latest) > tonumber(version) do at = at - 1 end
    table.insert(list, at, { version, status })
    copy.patches = pack(list)
  end
  if #copy.patches > MOST_PATCHES_BYTES then copy.patches = without_oldest(copy.patches) end
end

-- What readers see of it.
local function look(copy, latest)
  local version, status = copy.items and copy.first and copy.created, copy.first
  local list = unpack_patches(copy.patches)
  local patch = list[#list]
  if patch and (not version or number(patch[1], latest) >= number(version, latest)) then
    version, status = patch[1], patch[2]
  end
  copy.deleting = nil
  for _, digits in ipairs(copy.deletes) do
    if not copy.deleting or number(digits, latest) > number(version, latest) then version = digits end
    status, copy.deleting = 'deleting', true
  end
  copy.version, copy.status = version or nil, version and status or nil
end

-- What is left where MySQL has something newer than all that readers see, or nothing is seen.
local function bare(copy)
  return { order_id = copy.order_id, reserved = copy.reserved, applied = copy.applied, dead = copy.dead,
    patches = '', deletes = {} }
end

local function save(key, copy, ...)
  if copy.dead and #copy.dead == 0 then copy.dead = nil end
  redis.call('SET', key, cjson.encode(copy), ...)
end
`;

/**
 * KEYS: the pending copy. ARGV: order id, version, status, 'deleting' or '', TTL waiting, TTL applied, the latest
 * version that can be, '1' where it was a dead letter and is one no more.
 */
export const showScript = script(`
${COPY}
local id, version, status, latest = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[7])
local copy = open(KEYS[1], id)
if copy.deleted then return end
local dead = has(copy.dead, version)
if dead and ARGV[8] ~= '1' then return end
if dead then table.remove(copy.dead, dead) end
local applied = number(copy.applied, latest)
local seen = number(copy.version, latest)
if ARGV[4] == 'deleting' then add(copy.deletes, version)
elseif tonumber(version) < applied then return
else add_patch(copy, version, status, latest) end
if ARGV[4] == '' and #copy.deletes == 0 and tonumber(version) > seen then
  copy.version, copy.status = version, status
else look(copy, latest) end
-- A delete that was applied would have been settled as such: a newer write in MySQL says nothing of it.
if not copy.deleting and seen > tonumber(version) then return save(KEYS[1], copy, 'KEEPTTL') end
local settled = not copy.deleting and number(copy.version, latest) <= applied
save(KEYS[1], copy, 'EX', settled and ARGV[6] or ARGV[5])
`);

/**
 * Puts a POST where there is something of its order already: below the PATCHes and DELETEs that were shown.
 * KEYS: the pending copy. ARGV: the order as JSON, its version, TTL waiting, the latest version that can be, '1' where it
 * was a dead letter and is one no more. Returns 1 where it was put.
 */
export const putBelowScript = script(`
${COPY}
local order, version, latest = cjson.decode(ARGV[1]), ARGV[2], tonumber(ARGV[4])
local copy = open(KEYS[1], order.order_id)
if copy.deleted or copy.items or number(copy.applied, latest) >= tonumber(version) then return 0 end
local dead = has(copy.dead, version)
if dead and ARGV[5] ~= '1' then return 0 end
if dead then table.remove(copy.dead, dead) end
copy.customer_name, copy.items = order.customer_name, order.items
copy.created, copy.first = version, order.status
look(copy, latest)
save(KEYS[1], copy, 'EX', ARGV[3])
return 1
`);

/**
 * KEYS: the pending copy. ARGV: order id, TTL of a reservation, the least version, the latest that can be. Returns the
 * version.
 */
export const reserveScript = script(`
${VERSION_OF}
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
`);

/**
 * KEYS: pending copies. ARGV: TTL, the latest version that can be, and of each copy its order id, the version in MySQL or
 * 'deleted', '1' where the job had a version, and how a copy ends that is as the POST of that version put it: of most
 * orders nothing else was ever written, and theirs needs neither to be decoded nor to be written anew. A copy that nobody
 * can read keeps no other from being settled.
 */
export const settleScript = script(`
${COPY}
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
`);

/**
 * KEYS: the pending copy. ARGV: version, the latest that can be. A copy stays that is of a newer write, or of one to
 * come.
 */
export const dropScript = script(`
${VERSION_OF}
local ok, pending = pcall(cjson.decode, redis.pcall('GET', KEYS[1]))
if ok and type(pending) == 'table' then
  local latest = tonumber(ARGV[2])
  local newest = math.max(version_of(pending, 'version', latest), version_of(pending, 'reserved', latest))
  if newest > tonumber(ARGV[1]) then return end
end
redis.call('UNLINK', KEYS[1])
`);

/**
 * A write is seen no more; what was before it is, unless MySQL has something newer.
 * KEYS: the pending copy. ARGV: order id, version, '1' where it is a POST's, TTL applied, the latest version that can be,
 * '1' where the write is a dead letter, so that it is not shown later either.
 */
export const giveUpScript = script(`
${COPY}
local id, version, latest = ARGV[1], ARGV[2], tonumber(ARGV[5])
local copy = open(KEYS[1], id)
if copy.deleted then return end
local patches = unpack_patches(copy.patches)
local patch, delete = has_patch(patches, version), has(copy.deletes, version)
local create = ARGV[3] == '1' and tonumber(copy.created) == tonumber(version)
if create then copy.items, copy.customer_name, copy.created, copy.first = nil, nil, nil, nil
elseif patch then
  table.remove(patches, patch)
  copy.patches = pack(patches)
elseif delete then table.remove(copy.deletes, delete)
elseif ARGV[6] == '1' then
  copy.dead = copy.dead or {}
  add(copy.dead, version)
end
look(copy, latest)
local applied = number(copy.applied, latest)
local seen = number(copy.version, latest)
if not copy.version and not copy.reserved and not copy.applied and not copy.dead then redis.call('DEL', KEYS[1])
elseif not copy.version then save(KEYS[1], bare(copy), 'EX', ${RESERVE_TTL})
elseif copy.deleting or seen > applied or not copy.applied then
  save(KEYS[1], copy, 'KEEPTTL')
else save(KEYS[1], seen < applied and bare(copy) or copy, 'EX', ARGV[4]) end
`);
