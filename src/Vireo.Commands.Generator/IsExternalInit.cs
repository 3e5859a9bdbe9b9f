namespace System.Runtime.CompilerServices;

/// <summary>Lets records be used where the framework does not have this type.</summary>
internal static class IsExternalInit;
