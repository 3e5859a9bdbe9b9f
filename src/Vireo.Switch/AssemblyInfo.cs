using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("Vireo.Switch.Tests")]
[assembly: InternalsVisibleTo("Vireo.Fuzz.Tests")]
[assembly: InternalsVisibleTo("vireo-bench")]
