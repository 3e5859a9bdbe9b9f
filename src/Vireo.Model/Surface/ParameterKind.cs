namespace Vireo.Surface;

/// <summary>What a parameter's value, or each element of it, is.</summary>
public enum ParameterKind
{
    /// <summary>Text.</summary>
    String,

    /// <summary>There or not.</summary>
    Switch,

    /// <summary>True or false.</summary>
    Boolean,

    /// <summary>Unsigned, 8 bits.</summary>
    Byte,

    /// <summary>Signed, 16 bits.</summary>
    Int16,

    /// <summary>Unsigned, 16 bits.</summary>
    UInt16,

    /// <summary>Signed, 32 bits.</summary>
    Int32,

    /// <summary>Unsigned, 32 bits.</summary>
    UInt32,

    /// <summary>Signed, 64 bits.</summary>
    Int64,

    /// <summary>Unsigned, 64 bits.</summary>
    UInt64,

    /// <summary>Floating point, 64 bits.</summary>
    Double,

    /// <summary>A GUID.</summary>
    Guid,

    /// <summary>A span of time.</summary>
    TimeSpan,

    /// <summary>A point in time.</summary>
    DateTime,

    /// <summary>A version of two to four numbers.</summary>
    Version,

    /// <summary>One of the names in <see cref="ParameterInfo.Values"/>, or its number.</summary>
    Enum,

    /// <summary>An object of the model, sent as JSON; the host trusts only its identity.</summary>
    Object,

    /// <summary>Any JSON.</summary>
    Any,

    /// <summary>Names with texts, as <c>@{Name='text'; Other='text'}</c>.</summary>
    Map,

    /// <summary>A user and a password. It stays with the client, which signs in with it.</summary>
    Credential,
}
