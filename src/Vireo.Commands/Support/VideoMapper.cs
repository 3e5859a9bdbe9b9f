using Microsoft.HyperV.PowerShell;
using Vireo.Machines.Configuration;

namespace Vireo.Commands.Support;

/// <summary>A machine's screen as an object of the model.</summary>
public static class VideoMapper
{
    /// <summary>The object.</summary>
    public static VMVideo Video(VirtualMachineConfiguration c, string host)
    {
        ArgumentNullException.ThrowIfNull(c);
        var part = ModelMapper.Part<VMVideo>(c, null, "Video", host);
        part.ResolutionType = Enum.Parse<ResolutionType>(c.Video.Resolution.ToString());
        part.HorizontalResolution = (ushort)c.Video.Horizontal;
        part.VerticalResolution = (ushort)c.Video.Vertical;
        return part;
    }
}
