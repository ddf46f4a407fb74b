-- Takes a write back: readers see what they saw before it, unless MySQL has something newer. KEYS: the pending copy.
-- ARGV: order id, version, '1' if it is a POST's, TTL applied, the greatest version that can be, '1' if the write is a
-- dead letter, so that it is not shown later either, TTL of what is left if readers see nothing of it.
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
elseif not copy.version then save(KEYS[1], bare(copy), 'EX', ARGV[7])
elseif copy.deleting or seen > applied or not copy.applied then
  save(KEYS[1], copy, 'KEEPTTL')
else save(KEYS[1], seen < applied and bare(copy) or copy, 'EX', ARGV[4]) end
