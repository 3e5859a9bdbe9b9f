using Vireo.Disks;
using Vireo.Guests;

// vireo-guests RAW VHDX dynamic|fixed: what guests/build calls to turn plain sectors into a VHDX.
if (args is not [var source, var target, "dynamic" or "fixed"])
{
    Console.Error.WriteLine("usage: vireo-guests RAW VHDX dynamic|fixed");
    return 2;
}

try
{
    await ImageCopy.RunAsync(source, target, isFixed: args[2] == "fixed");
    return 0;
}
catch (Exception exception) when (exception is ImageException or IOException)
{
    Console.Error.WriteLine(exception.Message);
    return 1;
}
