using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("Vireo.Fuzz.Tests")]
