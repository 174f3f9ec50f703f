// conda execute
// env:
//   - nodejs
//  channels: [conda-forge]

hello()
