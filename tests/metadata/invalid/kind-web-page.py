<!DOCTYPE html>
<html lang="en">
<head><title>Sign in</title></head>
<body># conda execute</body>
</html>
