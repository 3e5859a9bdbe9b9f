using Vireo.Commands.Services;
using Vireo.Machines.Configuration;

namespace Vireo.Host.Transfers;

/// <summary>
/// A machine that is to be imported, as it is kept in <c>planned</c>: a copy of its configuration, which commands change while the files it was made
/// from stay as they are.
/// </summary>
internal sealed record PlannedImport
{
    /// <summary>Version of the file's layout.</summary>
    public int FormatVersion { get; set; } = 1;

    /// <summary>How it is to be imported.</summary>
    public required ImportRequest Request { get; init; }

    /// <summary>The machine. Its id is that of the plan; paths of disks are those of the source.</summary>
    public required VirtualMachineConfiguration Machine { get; init; }

    /// <summary>Id that the machine is to have: the plan's own, unless another machine had it when the plan was made.</summary>
    public required Guid FinalId { get; init; }

    /// <summary>Id in the source, by which its files are named.</summary>
    public required Guid SourceId { get; init; }

    /// <summary>The source's machine folder.</summary>
    public required string SourceFolder { get; init; }

    /// <summary>Folder of the source's checkpoints' files.</summary>
    public required string SourceSnapshots { get; init; }

    /// <summary>The configuration is Hyper-V's; saved memory with it is nothing that can be continued here.</summary>
    public bool IsForeign { get; set; }

    /// <summary>New identities by those in the source, when the machine gets new ones.</summary>
    public IReadOnlyDictionary<Guid, Guid> Identities { get; set; } = new Dictionary<Guid, Guid>();

    /// <summary>What was found when the source was read: it stays so, while the object is there.</summary>
    public IReadOnlyList<Incompatibility> Notes { get; set; } = [];

    /// <summary>When it was made.</summary>
    public required DateTimeOffset Made { get; init; }
}
