-- Shows a PATCH or DELETE. KEYS: the two of an order. ARGV: version, status as JSON, 'deleting' or '', TTL waiting, TTL
-- applied, the greatest version that can be, '1' if the write was a dead letter and waits again.
local version, status, latest = ARGV[1], ARGV[2], tonumber(ARGV[6])
local copy = open(KEYS[1], KEYS[2], latest)
if copy.deleted then return end
if copy.dead ~= '' and has(copy.dead, version) then
  if ARGV[7] ~= '1' then return end
  copy.dead = without(copy.dead, version)
end
local applied = number(copy.applied, latest)
local seen = number(copy.version, latest)
if ARGV[3] == 'deleting' then copy.deletes = with(copy.deletes, version)
elseif tonumber(version) < applied then return
else copy.patches = with_patch(copy.patches, version, status, latest) end
if not copy.deleting and ARGV[3] == '' and tonumber(version) > seen then copy.version, copy.status = version, status
else look(copy, latest) end
-- A newer write in MySQL does not mean that the delete was applied: then the notes would say `deleted`.
if not copy.deleting and seen > tonumber(version) then return save(copy, latest) end
local settled = not copy.deleting and number(copy.version, latest) <= applied
save(copy, latest, settled and ARGV[5] or ARGV[4])
