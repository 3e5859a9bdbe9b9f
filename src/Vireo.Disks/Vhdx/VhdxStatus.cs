namespace Vireo.Disks.Vhdx;

/// <summary>Answers that stay inside an open VHDX file.</summary>
internal static class VhdxStatus
{
    /// <summary>A page of a structure has to be read first, and this thread is a reactor's: the request begins again on a pool thread.</summary>
    public const BlockStatus WouldWait = (BlockStatus)0xF0;
}
