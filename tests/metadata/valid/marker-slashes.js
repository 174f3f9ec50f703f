// conda execute
// env:
//  - nodejs >=18

console.log(process.version);
