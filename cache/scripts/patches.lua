-- Functions for texts that hold several writes of one order:
--   a list of patches    `version:length of the status:status` of each, the newest first; a status is JSON
--   a list of versions   a comma follows each of them
local MOST_BYTES, KEPT_BYTES = 1536, 768
local function packed(version, status) return version .. ':' .. #status .. ':' .. status end
-- Returns the version and status of the patch that begins at a position, and where the next one begins; nothing if there
-- is none.
local function patch_at(patches, at)
  local _, head, version, length = string.find(patches, '^(%d+):(%d+):', at)
  if head then return version, string.sub(patches, head + 1, head + length), head + length + 1 end
end
-- Returns the patches before the first one that is not to be kept.
local function up_to(patches, is_kept)
  local at = 1
  while true do
    local version, _, past = patch_at(patches, at)
    if not version or not is_kept(version, past) then return string.sub(patches, 1, at - 1) end
    at = past
  end
end
local function with_patch(patches, version, status, latest)
  local newest = number(version, latest)
  -- Most often the new one is the newest.
  local before = number((patch_at(patches, 1)), latest) < newest and '' or up_to(patches, function(other) return number(other, latest) > newest end)
  local behind = string.sub(patches, #before + 1)
  if tonumber((patch_at(behind, 1))) == tonumber(version) then return patches end
  local all = before .. packed(version, status) .. behind
  if #all <= MOST_BYTES then return all end
  return up_to(all, function(_, past) return past <= KEPT_BYTES end)
end
-- Returns nothing if there is no patch of this version. If there are two, the first is one of the Flask service, written
-- over ours, and ours is removed.
local function without_patch(patches, version)
  local at, from, to = 1, nil, nil
  while true do
    local its, _, past = patch_at(patches, at)
    if not its then break end
    if tonumber(its) == tonumber(version) then from, to = at, past end
    at = past
  end
  return from and string.sub(patches, 1, from - 1) .. string.sub(patches, to)
end

local function has(list, version) return string.find(',' .. list, ',' .. version .. ',', 1, true) end
local function with(list, version)
  if has(list, version) then return list end
  local all = list .. version .. ','
  return #all <= MOST_BYTES and all or string.match(all, ',(.*)')
end
local function without(list, version)
  return string.sub(string.gsub(',' .. list, ',' .. version .. ',', ',', 1), 2)
end
