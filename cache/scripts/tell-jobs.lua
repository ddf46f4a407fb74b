-- Keeps what happened to jobs last. KEYS: that of each job. ARGV: for each job its event as JSON and a TTL, and in the
-- end 'known' if only jobs count that are known here. Which of two states stands is said in domain/job-events.ts.
-- Returns how many were kept.
local function state_of(event) return event and string.match(event, '"state":"(%a+)"') end
local function at_of(event) return tonumber(string.match(event, '"at":(%d+)')) or 0 end
local function is_final(state) return state == 'superseded' or state == 'cancelled' end
local function replaces(event, known)
  local state, before = state_of(event), state_of(known)
  if before == 'succeeded' then return false end
  if state == 'succeeded' then return true end
  if is_final(before) then return false end
  return not before or is_final(state) or at_of(event) >= at_of(known)
end
local kept = 0
for i, key in ipairs(KEYS) do
  local event, ttl = ARGV[2 * i - 1], ARGV[2 * i]
  local known = redis.call('GET', key)
  if (known or ARGV[#ARGV] ~= 'known') and replaces(event, known) then
    redis.call('SET', key, event, 'EX', ttl)
    kept = kept + 1
  end
end
return kept
