using System.Globalization;
using System.Text;
using Vireo.Control.Switching;

namespace Vireo.Switch.Tracing;

/// <summary>Writes what a session tells into files, one after the other; the oldest go when there are too many.</summary>
internal sealed class CaptureFiles(CaptureRequest request, Func<Guid, string> nameOf) : IDisposable
{
    private const long FileBytesDefault = 64 << 20;
    private const int FilesDefault = 4;
    private readonly long _fileBytes = request.FileBytes == 0 ? FileBytesDefault : request.FileBytes;
    private readonly int _files = request.Files == 0 ? FilesDefault : request.Files;
    private PcapngWriter? _capture;
    private StreamWriter? _text;
    private int _number;

    /// <summary>Makes the first file.</summary>
    /// <exception cref="IOException">It cannot be made.</exception>
    /// <exception cref="UnauthorizedAccessException">Nobody may.</exception>
    public void Open() => Next();

    /// <summary>Writes until the session ends.</summary>
    public async Task RunAsync(TraceSession session)
    {
        while (await session.Traces.WaitToReadAsync())
        {
            while (session.Traces.TryRead(out var trace))
            {
                Write(trace);
            }

            _capture!.Flush();
            await (_text?.FlushAsync() ?? Task.CompletedTask);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _capture?.Dispose();
        _text?.Dispose();
    }

    private void Write(FrameTrace trace)
    {
        if (_capture!.Length >= _fileBytes)
        {
            Next();
        }

        var report = trace.ToReport();
        var verdict = TraceText.Verdict(report, nameOf);
        if (request.Direction.HasFlag(CaptureDirection.In))
        {
            _capture.Write(nameOf(trace.Port), isInbound: true, trace.Time, trace.Bytes, trace.Length, $"{nameOf(trace.Port)} in: {verdict}");
        }

        foreach (var (port, bytes, refusal) in request.Direction.HasFlag(CaptureDirection.Out) ? trace.Outgoing : [])
        {
            _capture.Write(nameOf(port), isInbound: false, trace.Time, bytes, bytes.Length, $"{nameOf(port)} out: {refusal ?? "delivered"}, from {nameOf(trace.Port)}");
        }

        _text?.Write(TraceText.Table(report, nameOf));
    }

    private void Next()
    {
        Dispose();
        _capture = new PcapngWriter(Create(NameOf(_number, ".pcapng")));
        _text = request.Text ? new StreamWriter(Create(NameOf(_number, ".txt")), new UTF8Encoding(false)) : null;
        if (_number >= _files)
        {
            File.Delete(NameOf(_number - _files, ".pcapng"));
            File.Delete(NameOf(_number - _files, ".txt"));
        }

        _number++;
    }

    /// <summary>A file that is new, so that nobody's link is followed, and for its owner only, because it holds what guests said.</summary>
    private static FileStream Create(string path)
    {
        File.Delete(path);
        return new FileStream(path, new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            Share = FileShare.Read,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        });
    }

    private string NameOf(int number, string extension)
    {
        var stem = Path.Combine(Path.GetDirectoryName(request.Path)!, Path.GetFileNameWithoutExtension(request.Path));
        return number == 0 ? stem + extension : string.Create(CultureInfo.InvariantCulture, $"{stem}-{number:D4}{extension}");
    }
}
