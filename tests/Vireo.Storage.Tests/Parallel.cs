// Most of them wait for processes and disks, so more than one for each processor run at a time.
[assembly: CollectionBehavior(MaxParallelThreads = 4)]
