-- Takes a write back: readers see what they saw before it, unless MySQL has something newer. KEYS: the two of an order.
-- ARGV: version, '1' if it is a POST's, TTL applied, the greatest version that can be, '1' if the write is a dead letter,
-- so that it is not shown later either, TTL of what is left if readers see nothing of it.
local version, latest = ARGV[1], tonumber(ARGV[4])
local copy = open(KEYS[1], KEYS[2], latest)
if copy.deleted then return end
local patches = without_patch(copy.patches, version)
if ARGV[2] == '1' and tonumber(copy.created) == tonumber(version) then copy.text, copy.created = nil, nil
elseif patches then copy.patches = patches
elseif has(copy.deletes, version) then copy.deletes = without(copy.deletes, version)
elseif ARGV[5] == '1' then copy.dead = with(copy.dead, version) end
look(copy, latest)
local applied = number(copy.applied, latest)
local seen = number(copy.version, latest)
if not copy.version and copy.reserved == '' and copy.applied == '' and copy.dead == '' then
  redis.call('UNLINK', copy.order_key, copy.notes_key)
elseif not copy.version then
  hide(copy)
  save(copy, latest, ARGV[6])
elseif copy.deleting or seen > applied or copy.applied == '' then
  save(copy, latest)
else
  if seen < applied then hide(copy) end
  save(copy, latest, ARGV[3])
end
