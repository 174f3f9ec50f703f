// conda execute
// env:
//  - nodejs
  
//  - numpy
