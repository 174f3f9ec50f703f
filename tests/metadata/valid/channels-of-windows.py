# conda execute
# env: [python]
# channels:
#  - C:\srv\channel
#  - file:///C:/srv/channel

print('hello')
