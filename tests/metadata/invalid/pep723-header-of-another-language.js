// /// script
// dependencies = []
// ///
