Console.Error.WriteLine("The switch plane is started by 'vireo serve'.");
return 1;
