using Vireo.Disks.Files;

namespace Vireo.Disks.Operations;

/// <summary>Copies between two places of one file that do not overlap: by the storage itself where it can.</summary>
internal sealed class InnerCopy(IImageFile file)
{
    private CopyMethod _method;
    private bool _mayOffload = true;
    private long _copied;
    private long _offloaded;

    /// <summary>What was done so far.</summary>
    public CopyResult Result => new(_method, _copied, _offloaded);

    /// <summary>Counts the bytes, and has the storage copy them; false when it cannot, and the caller has to.</summary>
    public bool TryCopy(long from, long to, long lengthBytes)
    {
        _copied += lengthBytes;
        _mayOffload = _mayOffload && file is IStorageCopy storage && storage.TryCopyFrom(file, from, to, lengthBytes, ref _method);
        _offloaded += _mayOffload ? lengthBytes : 0;
        _method = _method == CopyMethod.None ? CopyMethod.ReadWrite : _method;
        return _mayOffload;
    }
}
