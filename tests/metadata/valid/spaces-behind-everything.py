# conda execute  
# env:  
#  - python  
#  -   numpy  >=1   
# run_with:   python  

print('hello')
