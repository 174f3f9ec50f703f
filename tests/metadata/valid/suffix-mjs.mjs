// conda execute
// env:
//  - nodejs

console.log(1)
