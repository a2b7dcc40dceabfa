-- The limits of boxes that are measured with "limits set": all in force, none near.
return { memory = 2 ^ 28, cpu = 1e6, wall = 1e6 }
