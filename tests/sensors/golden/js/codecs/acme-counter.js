// What the maker publishes for the network server: two totals of 16 bits, big-endian, and the battery in tenths of a volt.
function decodeUplink(input) {
  if (input.fPort !== 2) {
    return {errors: ['unknown FPort']};
  }
  return {
    data: {
      people_total_in: input.bytes[0] << 8 | input.bytes[1],
      people_total_out: input.bytes[2] << 8 | input.bytes[3],
      battery_voltage: input.bytes[4] / 10
    }
  };
}
