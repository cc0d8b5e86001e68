{"event":"data","time":1,"data":"a=1 b=2","x":[1, 2]}
