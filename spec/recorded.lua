--- Boxes that are being recorded, for the specs of journals.

local helpers = require "spec.helpers"

--- A recorded box, closed after the case; and what ends the recording, closes the box and gives the journal, which is also in the
-- pieces that come third.
return function(options)
  local box, pieces = helpers.box(options), {}
  box:record(function(piece) pieces[#pieces + 1] = piece end)
  return box, function()
    box:record(nil)
    box:close()
    return table.concat(pieces)
  end, pieces
end
