using Vireo.Storage.Layers;

namespace Vireo.Storage.Tests.Layers;

/// <summary>What a merge knows about its copies when writes come before, beside and after them.</summary>
public sealed class MergeWindowTests
{
    private const long Piece = MirrorLayer.BlockBytes;
    private readonly MergeWindow _window = new(4 * Piece, (7 * Piece) + 512);

    [Fact]
    public void APieceIsCopiedOnce_AndAgainAfterAWrite()
    {
        Assert.True(_window.TryTake(4 * Piece));
        Assert.False(_window.TryTake(4 * Piece));
        Assert.False(_window.IsCopied(4 * Piece, 5 * Piece));
        _window.NoteCopied(4 * Piece);
        Assert.True(_window.IsCopied(4 * Piece, 5 * Piece));
        Assert.False(_window.IsCopied(4 * Piece, (5 * Piece) + 1));
        _window.NoteChanged((5 * Piece) - 1, 1);
        Assert.False(_window.IsCopied(4 * Piece, 5 * Piece));
        Assert.True(_window.TryTake(4 * Piece));
    }

    [Fact]
    public void APieceThatWasWrittenWhileItWasCopied_IsNotCopied()
    {
        Assert.True(_window.TryTake(5 * Piece));
        _window.NoteChanged(5 * Piece, 512);
        _window.NoteCopied(5 * Piece);
        Assert.False(_window.IsCopied(5 * Piece, 6 * Piece));
        Assert.Null(_window.CountCopies(5 * Piece, 512));
    }

    [Fact]
    public void AWriteToBothSides_SeesACopyThatRanBesideIt()
    {
        Copy(4);
        Copy(5);
        var before = _window.CountCopies((5 * Piece) - 512, 1024);
        Assert.NotNull(before);
        Assert.Equal(before, _window.CountCopies((5 * Piece) - 512, 1024));

        // Another write has the second one copied again, from beginning to end, before the first looks.
        _window.NoteChanged(5 * Piece, 512);
        Copy(5);
        Assert.NotEqual(before, _window.CountCopies((5 * Piece) - 512, 1024));
    }

    [Fact]
    public void WhatLiesOutside_IsNobodysCopy_AndTheLastPieceMayBeShort()
    {
        Copy(4);
        Copy(7);
        Assert.Null(_window.CountCopies((4 * Piece) - 512, 1024));
        Assert.Null(_window.CountCopies(7 * Piece, 1024));
        Assert.NotNull(_window.CountCopies(7 * Piece, 512));
        _window.NoteChanged(0, 4 * Piece);
        _window.NoteChanged((7 * Piece) + 512, Piece);
        Assert.True(_window.IsCopied(4 * Piece, 5 * Piece));
        Assert.True(_window.IsCopied(7 * Piece, (7 * Piece) + 512));
        _window.NoteChanged(0, 100 * Piece);
        Assert.False(_window.IsCopied(4 * Piece, 5 * Piece));
        Assert.False(_window.IsCopied(7 * Piece, (7 * Piece) + 512));
    }

    private void Copy(int piece)
    {
        Assert.True(_window.TryTake(piece * Piece));
        _window.NoteCopied(piece * Piece);
    }
}
