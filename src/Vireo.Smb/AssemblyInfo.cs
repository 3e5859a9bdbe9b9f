using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("Vireo.Fuzz.Tests")]
[assembly: InternalsVisibleTo("Vireo.Disks.Tests")]
