namespace Vireo.Host.Machines.Processors;

/// <summary>What a running machine asks of the processors.</summary>
/// <param name="Id">The machine.</param>
/// <param name="Processors">Virtual processors.</param>
/// <param name="ReservePercent">Percent of them that it has for sure.</param>
/// <param name="Weight">Weight for the rest, 1 to 10000.</param>
internal sealed record ProcessorClaim(Guid Id, int Processors, int ReservePercent, int Weight)
{
    /// <summary>Logical processors that it has for sure.</summary>
    public double Reserved => Processors * ReservePercent / 100.0;
}

/// <summary>
/// Weights of the control groups of running machines. Linux shares processors by weight and knows no reserves; but when everybody wants all, each gets
/// its part by weight, so weights in proportion to what each should get then keep every reserve.
/// </summary>
internal static class ProcessorShares
{
    private const int MostWeight = 10_000;

    /// <summary>The weight of each machine, 1 to 10000.</summary>
    /// <param name="capacity">Logical processors of the host.</param>
    /// <param name="claims">The running machines; their reserves fit.</param>
    public static IReadOnlyDictionary<Guid, int> Weights(int capacity, IReadOnlyList<ProcessorClaim> claims)
    {
        if (claims.All(claim => claim.ReservePercent == 0))
        {
            return claims.ToDictionary(claim => claim.Id, claim => Math.Clamp(claim.Weight, 1, MostWeight));
        }

        var rest = Math.Max(0, capacity - claims.Sum(claim => claim.Reserved));
        double weights = claims.Sum(claim => claim.Weight);
        var shares = claims.Select(claim => claim.Reserved + (rest * claim.Weight / weights)).ToList();
        var most = shares.Max();
        return claims.Select((claim, i) => (claim.Id, Weight: (int)Math.Clamp(Math.Round(shares[i] / most * MostWeight), 1, MostWeight))).ToDictionary(pair => pair.Id, pair => pair.Weight);
    }

    /// <summary>Logical processors that are not reserved; negative when too many are.</summary>
    public static double Unreserved(int capacity, IEnumerable<ProcessorClaim> claims) => capacity - claims.Sum(claim => claim.Reserved);
}
