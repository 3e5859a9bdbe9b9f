using Vireo.Control.Storage;
using Vireo.Storage.Plane;
using Vireo.Testing;

namespace Vireo.Storage.Tests.Plane;

/// <summary>An image is made once for each operation, and only for somebody who is still there.</summary>
public sealed class ImageCreationsTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly List<string> _made = [];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task ARepeatedOperationMakesNothingAgain()
    {
        var request = Request("a.vhdx");
        await Creations().CreateAsync(request, CancellationToken.None);
        await Creations().CreateAsync(request, CancellationToken.None);
        Assert.Single(_made);

        // Another operation has no share in it, and an operation whose image was removed makes it again.
        await Assert.ThrowsAsync<IOException>(() => Creations().CreateAsync(request with { Operation = Guid.NewGuid() }, CancellationToken.None));
        File.Delete(request.Path);
        await Creations().CreateAsync(request, CancellationToken.None);
        Assert.Equal(2, _made.Count);
    }

    [Fact]
    public async Task AFailedOperationOwnsNothing()
    {
        var request = Request("b.vhdx");
        await File.WriteAllTextAsync(request.Path, "somebody's");
        await Assert.ThrowsAsync<IOException>(() => Creations().CreateAsync(request, CancellationToken.None));
        await Assert.ThrowsAsync<IOException>(() => Creations().CreateAsync(request, CancellationToken.None));
        Assert.Equal("somebody's", await File.ReadAllTextAsync(request.Path));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task AnImageWhoseAskerWentAwayIsNotKept(bool named)
    {
        using var asker = new CancellationTokenSource();
        var request = Request("c.vhdx");
        request = named ? request : request with { Operation = null };
        var creations = new ImageCreations(_folder["log"], image =>
        {
            Make(image);
            asker.Cancel();
        });
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => creations.CreateAsync(request, asker.Token));
        Assert.False(File.Exists(request.Path));
        await Creations().CreateAsync(request, CancellationToken.None);
        Assert.True(File.Exists(request.Path));
    }

    [Fact]
    public async Task ADamagedLogRemembersNothing()
    {
        await File.WriteAllTextAsync(_folder["log"], "{");
        await Creations().CreateAsync(Request("d.vhdx"), CancellationToken.None);
        Assert.Single(_made);
    }

    private ImageCreations Creations() => new(_folder["log"], Make);

    private CreateImage Request(string name) => new(_folder[name], ImageFormat.Vhdx, ImageType.Dynamic, 1 << 20, Operation: Guid.NewGuid());

    private void Make(CreateImage image)
    {
        using var file = new FileStream(image.Path, FileMode.CreateNew);
        _made.Add(image.Path);
    }
}
