# conda execute
# env: [python]
#%% first cell
1
