# conda execute
# env: [python]
#!/usr/bin/env python

1
