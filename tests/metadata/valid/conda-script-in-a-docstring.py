"""Write such a line:
# /// conda-script
"""

# conda execute
# env: [python]
