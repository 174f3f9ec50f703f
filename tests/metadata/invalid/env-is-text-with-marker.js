// conda execute
// env: nodejs

let x = 1;
